#include "support/small_program.h"

#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

// The smallest program: `mov eax, 60; xor edi, edi; syscall` behind the headers of an executable.
bool small_program_write(const char *path) {
#ifndef __x86_64__
    (void)path;
    return false;
#else
    static const uint8_t code[] = {0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05};
    uint8_t file[sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + sizeof code];
    const uint64_t address = 0x400000, entry = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);
    Elf64_Ehdr head = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                       .e_type = ET_EXEC,
                       .e_machine = EM_X86_64,
                       .e_version = EV_CURRENT,
                       .e_entry = address + entry,
                       .e_phoff = sizeof head,
                       .e_ehsize = sizeof head,
                       .e_phentsize = sizeof(Elf64_Phdr),
                       .e_phnum = 1};
    Elf64_Phdr part = {.p_type = PT_LOAD,
                       .p_flags = PF_R | PF_X,
                       .p_vaddr = address,
                       .p_paddr = address,
                       .p_filesz = sizeof file,
                       .p_memsz = sizeof file,
                       .p_align = 4096};
    memcpy(file, &head, sizeof head);
    memcpy(file + sizeof head, &part, sizeof part);
    memcpy(file + entry, code, sizeof code);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    bool done = fd >= 0 && write(fd, file, sizeof file) == (ssize_t)sizeof file;
    if (fd >= 0) close(fd);
    return done;
#endif
}
