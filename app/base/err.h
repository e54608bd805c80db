// What a fallible function returns. Ten-odd values that tell the caller what it can do next; the
// sentence for a person travels beside it in a struct fault (fault.h). Depends on nothing.
// Convention: `enum err` is must-use, out-pointers come last and are untouched on error.
#pragma once

enum err {
    OK = 0,
    ERR_INPUT,     // what was given is wrong: the fault says where and what to do
    ERR_LIMIT,     // a bound of limits.h was reached: shown to the person, never a silent cut
    ERR_MEMORY,    // an arena or the machine has no more memory
    ERR_IO,        // reading or writing failed
    ERR_FULL,      // the disk (or the store's map) is full: free space and try again
    ERR_NOT_FOUND, // no such thing
    ERR_CONFLICT,  // it exists already, or changed since it was read
    ERR_DENIED,    // this person may not
    ERR_CORRUPT,   // stored bytes fail their check
    ERR_CANCELLED, // a person or a limit stopped it
    ERR_BUSY,      // another process or person holds it
    ERR_PAUSED,    // asked to give way: what was done is kept, it goes on at the next start
};

#define MUST_USE __attribute__((warn_unused_result))

// A short stable English name, for logs and tests ("input", "full").
const char *err_name(enum err err);
