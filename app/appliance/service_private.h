// The service beside PID 1: the same binary as an ordinary process without rights, in a cgroup that
// it may arrange, started again when it ends. It and PID 1 speak over a pair of sockets, one JSON
// object a packet; the child finds its end by COURTYARD_APPLIANCE_FD.
//   service -> PID 1   {"is":"ready","fingerprint":"…","code":"…","unfit":"store.damaged"}
//                              it answers. code: one-time, or ""; unfit: "", or why it serves
//                              nothing but that sentence; the code is for restoring a copy then
//                      {"is":"alive","setup":false}                 every few seconds; setup: the
//                                                                   code still stands
//                      {"is":"fault","code":"store.damaged"}        why it is about to end
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/fault.h"
#include "base/json.h"

enum { SERVICE_USER = 1000, SERVICE_PORT = 443, SERVICE_PACKET_BYTES = 64 * 1024 };
#define SERVICE_DATA "/data/courtyard"
#define SERVICE_RESCUE "/run/rescue" // its folder when there is no data

enum service_state {
    SERVICE_STOPPED,  // not wanted
    SERVICE_STARTING, // it runs and has not said "ready"
    SERVICE_READY,
    SERVICE_WAITING, // it ended; started again when the time has come
};

struct service;

// `log_shown`: what it logs also goes to our own log.
enum err service_open(bool log_shown, struct service **out, struct fault *fault) MUST_USE;
void service_close(struct service *service);

// `unfit`: it serves nothing but the sentence of this fault's code, from a folder in memory;
// "": the data.
void service_start(struct service *service, const char *unfit);
// Asks it to end; killed with all its processes after a while. service_state tells when it is over.
void service_stop(struct service *service);

// A child of PID 1 ended. True if it was the service.
bool service_ended(struct service *service, pid_t pid, int status);
// What is due now; when to call again (monotonic, ms).
int64_t service_run(struct service *service, int64_t now_ms);
// Descriptors to poll for reading: its packets, its log; -1 while there is none.
int service_channel(const struct service *service);
int service_log(const struct service *service);
// The next packet, or false. *out: json_close.
bool service_take(struct service *service, struct json **out);
void service_send(struct service *service, struct str packet);
void service_log_copy(struct service *service); // from the pipe to the file

struct service_view {
    enum service_state state;
    uint32_t starts;       // since the machine started
    int64_t up_ms;         // how long it has been ready
    char fingerprint[128]; // of the certificate, "" until ready
    char code[64];         // one-time, "" once set up
    char
        fault[FAULT_CODE_SIZE]; // why it ended the last time, or serves nothing; "": it did not say
};
void service_look(const struct service *service, struct service_view *out);
