// PID 1's end of the way between the appliance's system and the service, for tests written in
// JavaScript, which has no sockets of packets: starts the program that is given, and hands on what
// comes. Each line of standard input goes to it as one packet, each packet from it becomes a line
// of standard output. A line that begins with "!" is a packet after which the program is told to
// end, and finds both at once. When standard input ends, PID 1 is gone: its end is closed. The
// first line is the program's process number.
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PACKET_BYTES = 64 * 1024, EXIT_SETUP = 99 };

static char line[PACKET_BYTES * 2];
static size_t line_size;
static pid_t child;

static void start(char **words, int end) {
    char number[16];
    prctl(PR_SET_PDEATHSIG, SIGKILL); // no server is left behind by a test that ended
    snprintf(number, sizeof number, "%d", end);
    setenv("COURTYARD_APPLIANCE_FD", number, 1);
    int out = dup2(2, 1); // standard output is ours
    if (out == 1) execv(words[0], words);
    _exit(EXIT_SETUP);
}

// False at the end of standard input.
static int lines_send(int channel) {
    ssize_t size = read(0, line + line_size, sizeof line - line_size);
    if (size <= 0) return 0;
    line_size += (size_t)size;
    for (;;) {
        char *end = memchr(line, '\n', line_size);
        if (!end) return 1;
        size_t packet = (size_t)(end - line);
        size_t ends = line[0] == '!';
        if (ends) kill(child, SIGSTOP);
        if (send(channel, line + ends, packet - ends, MSG_NOSIGNAL) < 0) perror("send");
        if (ends) kill(child, SIGTERM), kill(child, SIGCONT);
        line_size -= packet + 1;
        memmove(line, end + 1, line_size);
    }
}

// False when the other end is closed.
static int packet_tell(int channel) {
    static char packet[PACKET_BYTES + 1];
    ssize_t size = recv(channel, packet, PACKET_BYTES, 0);
    if (size <= 0) return 0;
    packet[size] = '\n';
    return fwrite(packet, 1, (size_t)size + 1, stdout) == (size_t)size + 1 && fflush(stdout) == 0;
}

int main(int argc, char **argv) {
    int pair[2], status = 0;
    if (argc < 2 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0) return EXIT_SETUP;
    child = fork();
    if (child < 0) return EXIT_SETUP;
    if (child == 0) {
        close(pair[0]);
        start(argv + 1, pair[1]);
    }
    close(pair[1]);
    printf("{\"pid\":%d}\n", (int)child);
    fflush(stdout);
    struct pollfd fds[] = {{.fd = 0, .events = POLLIN}, {.fd = pair[0], .events = POLLIN}};
    while (fds[1].fd >= 0 && poll(fds, 2, -1) > 0) {
        if (fds[1].revents && !packet_tell(pair[0])) break;
        if (fds[0].revents && !lines_send(pair[0])) fds[1].fd = -1;
    }
    close(pair[0]);
    while (waitpid(child, &status, 0) < 0) continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_SETUP;
}
