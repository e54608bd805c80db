// See sandbox.h. Landlock's numbers stand here, since a build must not depend on how new the build
// machine's headers are. Kernel: Documentation/userspace-api/landlock.rst.
#include "allocation/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/limits.h"

// ---- Landlock -----------------------------------------------------------------------------------
enum { SYS_LANDLOCK_CREATE = 444, SYS_LANDLOCK_ADD = 445, SYS_LANDLOCK_RESTRICT = 446 };
enum { LANDLOCK_VERSION = 1, LANDLOCK_PATH_BENEATH = 1 };
enum { ABI_REFER = 2, ABI_TRUNCATE = 3, ABI_NETWORK = 4, ABI_DEVICES = 5, ABI_SIGNALS = 6 };
struct landlock_rules {
    uint64_t files, network, scoped;
};
struct landlock_path {
    uint64_t allowed;
    int32_t folder_fd;
} __attribute__((packed));

#define FILE_RUN (UINT64_C(1) << 0)
#define FILE_WRITE (UINT64_C(1) << 1)
#define FILE_READ (UINT64_C(1) << 2)
#define FOLDER_LIST (UINT64_C(1) << 3)
#define FILE_REFER (UINT64_C(1) << 13)
#define FILE_TRUNCATE (UINT64_C(1) << 14)
#define DEVICE_CONTROL (UINT64_C(1) << 15)
#define MAKE_CHARACTER (UINT64_C(1) << 6)
#define MAKE_BLOCK (UINT64_C(1) << 11)
#define TCP_BIND_CONNECT UINT64_C(3)
#define SCOPE_SOCKETS_SIGNALS UINT64_C(3)

// What any program may read and run. Where one is absent it is not missed.
static const char *const system_folders[] = {"/usr",    "/bin", "/sbin", "/lib", "/lib32", "/lib64",
                                             "/libx32", "/etc", "/opt",  "/nix", "/proc",  "/sys"};
static const char *const base_devices[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random",
                                           "/dev/urandom"};

static uint32_t landlock_abi(void) {
    long abi = syscall(SYS_LANDLOCK_CREATE, NULL, 0, LANDLOCK_VERSION);
    return abi > 0 ? (uint32_t)abi : 0;
}

static uint64_t files_handled(uint32_t abi) {
    uint64_t all = (UINT64_C(1) << 13) - 1;
    if (abi >= ABI_REFER) all |= FILE_REFER;
    if (abi >= ABI_TRUNCATE) all |= FILE_TRUNCATE;
    if (abi >= ABI_DEVICES) all |= DEVICE_CONTROL;
    return all;
}

// One that is not there, or cannot be opened, needs no rule.
static bool path_allow(int rules, const char *path, uint64_t allowed) {
    struct landlock_path rule = {.allowed = allowed};
    rule.folder_fd = open(path, O_PATH | O_CLOEXEC);
    if (rule.folder_fd < 0) return true;
    bool done = syscall(SYS_LANDLOCK_ADD, rules, LANDLOCK_PATH_BENEATH, &rule, 0) == 0;
    close(rule.folder_fd);
    return done;
}

static int rules_make(uint32_t abi, const char *folder, const char *const *devices,
                      uint32_t device_count) {
    struct landlock_rules handled = {
        .files = files_handled(abi),
        .network = abi >= ABI_NETWORK ? TCP_BIND_CONNECT : 0,
        .scoped = abi >= ABI_SIGNALS ? SCOPE_SOCKETS_SIGNALS : 0,
    };
    int rules = (int)syscall(SYS_LANDLOCK_CREATE, &handled, sizeof handled, 0);
    if (rules < 0) return -1;
    const uint64_t device = (FILE_READ | FILE_WRITE | FILE_TRUNCATE | DEVICE_CONTROL);
    bool done = path_allow(rules, folder, handled.files & ~(MAKE_CHARACTER | MAKE_BLOCK));
    for (size_t i = 0; i < sizeof system_folders / sizeof system_folders[0] && done; i++) {
        done = path_allow(rules, system_folders[i], FILE_RUN | FILE_READ | FOLDER_LIST);
    }
    for (size_t i = 0; i < sizeof base_devices / sizeof base_devices[0] && done; i++) {
        done = path_allow(rules, base_devices[i], device & handled.files);
    }
    for (uint32_t i = 0; i < device_count && done; i++) {
        done = path_allow(rules, devices[i], device & handled.files);
    }
    // CUDA's driver names its threads there, and starts nowhere if it may not. Not being root, and
    // tracing nobody outside, it may change little of others (see the header's caveat).
    const uint64_t names = FILE_READ | FILE_WRITE | FILE_TRUNCATE;
    if (device_count > 0 && done) done = path_allow(rules, "/proc", names & handled.files);
    if (done) return rules;
    close(rules);
    return -1;
}

bool sandbox_outside(const char *path) {
    char whole[LIMIT_PATH_BYTES];
    if (!realpath(path, whole)) return false;
    for (size_t i = 0; i < sizeof system_folders / sizeof system_folders[0]; i++) {
        char folder[LIMIT_PATH_BYTES];
        if (!realpath(system_folders[i], folder)) continue;
        size_t size = strlen(folder);
        if (strncmp(whole, folder, size) == 0 && (whole[size] == '/' || !whole[size])) return false;
    }
    return true;
}

// ---- seccomp ------------------------------------------------------------------------------------
#if defined(__x86_64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif
#define X32_CALLS 0x40000000u

static bool filter_there(void) {
    uint32_t action = SECCOMP_RET_ERRNO;
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

// A network's sockets are refused. `local`: those of this machine's own programs (AF_UNIX) are not;
// what they reach is then a matter of users. io_uring would open sockets past the filter.
static bool filter_enter(bool local) {
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IS(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define ANSWER(answer) BPF_STMT(BPF_RET | BPF_K, answer)
    const uint32_t refused = SECCOMP_RET_ERRNO | EACCES;
    struct sock_filter code[] = {
        LOAD(arch),
        IS(OWN_ARCHITECTURE, 0, 5), // calls of another -> killed
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_CALLS, 3, 0),
        IS(SYS_io_uring_setup, 3, 0),
        IS(SYS_socket, 3, 0),
        ANSWER(SECCOMP_RET_ALLOW),
        ANSWER(SECCOMP_RET_KILL_PROCESS),
        ANSWER(SECCOMP_RET_ERRNO | ENOSYS), // io_uring
        LOAD(args[0]),                      // socket
        IS(AF_UNIX, 0, 1),
        ANSWER(local ? SECCOMP_RET_ALLOW : refused),
        ANSWER(refused),
    };
    struct sock_fprog program = {sizeof code / sizeof code[0], code};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

// ---- the whole ----------------------------------------------------------------------------------
void sandbox_probe(uint32_t uid, uint32_t gid, struct sandbox *out) {
    bool root = geteuid() == 0;
    *out = (struct sandbox){
        .uid = root ? uid : 0,
        .gid = root ? (gid ? gid : uid) : 0,
        .landlock = landlock_abi(),
        .filter = filter_there(),
    };
}

const char *sandbox_lacks(const struct sandbox *sandbox) {
    if (geteuid() == 0 && !sandbox->uid) return "user";
    if (sandbox->landlock == 0) return "landlock";
    if (!sandbox->uid && sandbox->landlock < ABI_SIGNALS) return "signals";
    return sandbox->filter ? NULL : "filter";
}

static bool user_enter(const struct sandbox *sandbox) {
    if (!sandbox->uid) return true;
    uint32_t uid = sandbox->uid, gid = sandbox->gid;
    return syscall(SYS_setgroups, 0, NULL) == 0 && syscall(SYS_setresgid, gid, gid, gid) == 0 &&
           syscall(SYS_setresuid, uid, uid, uid) == 0;
}

bool sandbox_enter(const struct sandbox *sandbox, const char *folder, const char *const *devices,
                   uint32_t device_count) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
    int rules = rules_make(sandbox->landlock, folder, devices, device_count);
    if (rules < 0) return false;
    bool done = user_enter(sandbox) && syscall(SYS_LANDLOCK_RESTRICT, rules, 0) == 0 &&
                filter_enter(sandbox->uid != 0);
    close(rules);
    return done;
}
