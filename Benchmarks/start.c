/* Starts a server, asks it PING until it answers, ends it, and prints how long the first answer took, in microseconds.

   usage: start CPU SOCKET PROGRAM [ARGUMENT …]

   The server runs on CPU, this program where it was put. The clock starts before the fork, so the figure includes fork and
   exec. Between two attempts to connect it sleeps 20 µs. */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct timespec pause_between = {.tv_nsec = 20000};
static const double PATIENCE = 10;

static double seconds(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static pid_t launch(int cpu, char **command)
{
    pid_t child = fork();
    if (child < 0) err(1, "fork");
    if (child > 0) return child;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (sched_setaffinity(0, sizeof set, &set) < 0) err(1, "sched_setaffinity");
    execv(command[0], command);
    err(1, "%s", command[0]);
}

/* Ends the server and this program with it. */
static _Noreturn void give_up(pid_t child, const char *why)
{
    kill(child, SIGKILL);
    errx(1, "%s", why);
}

static int connected(pid_t child, const char *path, double until)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) give_up(child, "the path of the socket is too long");
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) give_up(child, strerror(errno));
    while (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        if (errno != ENOENT && errno != ECONNREFUSED) give_up(child, strerror(errno));
        if (waitpid(child, NULL, WNOHANG) == child) errx(1, "the server ended before it listened");
        if (seconds() > until) give_up(child, "the server does not listen");
        nanosleep(&pause_between, NULL);
    }
    return fd;
}

static void ask(pid_t child, int fd)
{
    static const char ping[] = "PING\n";
    struct timeval patience = {.tv_sec = (time_t)PATIENCE};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (write(fd, ping, sizeof ping - 1) != sizeof ping - 1) give_up(child, "the server closed the connection");
    char reply[4096];
    size_t length = 0;
    while (!memchr(reply, '\n', length)) {
        ssize_t n = read(fd, reply + length, sizeof reply - length);
        if (n <= 0) give_up(child, "the server did not answer PING");
        length += (size_t)n;
    }
}

static void end(pid_t child)
{
    double until = seconds() + PATIENCE;
    kill(child, SIGTERM);
    while (waitpid(child, NULL, WNOHANG) == 0) {
        if (seconds() > until) give_up(child, "the server does not end on SIGTERM");
        nanosleep(&pause_between, NULL);
    }
}

int main(int count, char **arguments)
{
    if (count < 4) {
        fprintf(stderr, "usage: start CPU SOCKET PROGRAM [ARGUMENT ...]\n");
        return 1;
    }
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_TIMERSLACK, 1);
    double from = seconds();
    pid_t child = launch(atoi(arguments[1]), arguments + 3);
    int fd = connected(child, arguments[2], from + PATIENCE);
    ask(child, fd);
    double to = seconds();
    close(fd);
    end(child);
    printf("%.1f\n", (to - from) * 1e6);
    return 0;
}
