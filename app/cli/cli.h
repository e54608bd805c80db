// The command line: one table of commands; each turns argv into a call of flow/ or of a wing's
// public header and shows progress and faults in the language of the locale (LANG, LC_ALL or
// --lang; Chinese unless it says otherwise). All sentences are messages of web/messages, as on
// the pages. cli_main returns the process' exit code: 0 done, 1 failed (the fault is on standard
// error), 2 wrong usage, 130 stopped by Ctrl-C. Depends on everything below; one thread.
#pragma once

int cli_main(int argc, char **argv);
