// A filter of devices for one attempt: a program of the kernel's own machine, asked at each opening
// and making of a device node by a process of the cgroup. It says yes to the base devices, without
// which no program lives, and to those that were allotted; all else is refused with EPERM. So an
// accelerator is one job's without containers. The filters of all folders above must say yes too.
// Loaded by the bare system call; context: struct bpf_cgroup_dev_ctx {access_type, major, minor}.
#include <errno.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "allocation/confine_private.h"
#include "base/assert.h"

#define ANY_MINOR UINT32_MAX
static const struct confine_device base_devices[] = {
    {false, 1, 3},           // null
    {false, 1, 5},           // zero
    {false, 1, 7},           // full
    {false, 1, 8},           // random
    {false, 1, 9},           // urandom
    {false, 5, 0},           // tty
    {false, 5, 2},           // ptmx
    {false, 136, ANY_MINOR}, // pts
};
enum {
    BASE_COUNT = sizeof base_devices / sizeof base_devices[0],
    HEAD_SIZE = 4, // instructions before the devices
    EACH_SIZE = 5, // of one device
    TAIL_SIZE = 2,
    PROGRAM_MAX = HEAD_SIZE + (BASE_COUNT + CONFINE_DEVICES_MAX) * EACH_SIZE + TAIL_SIZE,
};

struct program {
    struct bpf_insn code[PROGRAM_MAX];
    uint32_t size;
};

static void put(struct program *program, uint8_t code, uint8_t to, uint8_t from, int16_t offset,
                uint32_t value) {
    cy_assert(program->size < PROGRAM_MAX);
    struct bpf_insn *next = &program->code[program->size++];
    *next = (struct bpf_insn){.code = code, .off = offset, .imm = (int)value};
    next->dst_reg = (unsigned char)(to & 15u) & 15u;
    next->src_reg = (unsigned char)(from & 15u) & 15u;
}

static void put_answer(struct program *program, uint32_t answer) {
    put(program, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, answer);
    put(program, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

// Registers: 2 the kind, 3 the major, 4 the minor number. Each comparison that fails jumps behind
// this device's answer.
static void put_device(struct program *program, const struct confine_device *device) {
    bool any = device->minor == ANY_MINOR;
    uint32_t kind = device->block ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;
    put(program, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_2, 0, any ? 3 : 4, kind);
    put(program, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_3, 0, any ? 2 : 3, device->major);
    if (!any) put(program, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_4, 0, 2, device->minor);
    put_answer(program, 1);
}

int filter_load(const struct confine_device *devices, uint32_t count) {
    struct program program = {.size = 0};
    if (count > CONFINE_DEVICES_MAX) {
        errno = E2BIG;
        return -1;
    }
    put(&program, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_1,
        offsetof(struct bpf_cgroup_dev_ctx, access_type), 0);
    put(&program, BPF_ALU | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 0xffff); // above: read, write, mknod
    put(&program, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_3, BPF_REG_1,
        offsetof(struct bpf_cgroup_dev_ctx, major), 0);
    put(&program, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_4, BPF_REG_1,
        offsetof(struct bpf_cgroup_dev_ctx, minor), 0);
    for (uint32_t i = 0; i < BASE_COUNT; i++) put_device(&program, &base_devices[i]);
    for (uint32_t i = 0; i < count; i++) put_device(&program, &devices[i]);
    put_answer(&program, 0);
    union bpf_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    attr.insns = (uint64_t)(uintptr_t)program.code;
    attr.insn_cnt = program.size;
    attr.license = (uint64_t)(uintptr_t) "Apache-2.0";
    return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr);
}

bool filter_attach(int filter_fd, int folder_fd) {
    union bpf_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.target_fd = (uint32_t)folder_fd;
    attr.attach_bpf_fd = (uint32_t)filter_fd;
    attr.attach_type = BPF_CGROUP_DEVICE;
    attr.attach_flags = BPF_F_ALLOW_MULTI;
    return syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof attr) == 0;
}

bool confine_device_of(const char *path, struct confine_device *out) {
    struct stat info;
    if (stat(path, &info) != 0 || !(S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode))) return false;
    *out = (struct confine_device){
        .block = S_ISBLK(info.st_mode),
        .major = major(info.st_rdev),
        .minor = minor(info.st_rdev),
    };
    return true;
}
