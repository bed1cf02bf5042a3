#define _GNU_SOURCE
#include "epoll.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int checked(int result) { return result < 0 ? -errno : result; }

int usher_epoll_create(void) { return checked(epoll_create1(EPOLL_CLOEXEC)); }

int usher_epoll_control(int epoll, int op, int fd, uint32_t events, uint64_t data)
{
    struct epoll_event event = {.events = events, .data.u64 = data};
    return checked(epoll_ctl(epoll, op, fd, &event));
}

int usher_epoll_wait(int epoll, struct epoll_event *events, int most, int timeout_ms)
{
    return checked(epoll_wait(epoll, events, most, timeout_ms));
}

uint64_t usher_event_data(const struct epoll_event *events, int index) { return events[index].data.u64; }

uint32_t usher_event_flags(const struct epoll_event *events, int index) { return events[index].events; }

ssize_t usher_receive(int fd, void *bytes, size_t count)
{
    ssize_t received = syscall(SYS_recvfrom, fd, bytes, count, 0, NULL, NULL);
    return received < 0 ? -errno : received;
}

ssize_t usher_send(int fd, const void *bytes, size_t count)
{
    ssize_t sent = syscall(SYS_sendto, fd, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT, NULL, 0);
    return sent < 0 ? -errno : sent;
}

int usher_accept(int listener) { return checked(accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)); }

int usher_peer_credentials(int fd, struct usher_peer *peer)
{
    struct ucred credentials;
    socklen_t length = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0) return -errno;
    peer->pid = credentials.pid;
    peer->uid = credentials.uid;
    peer->gid = credentials.gid;
    return 0;
}

int usher_peer_groups(int fd, gid_t *groups, int room)
{
    socklen_t length = (socklen_t)room * sizeof *groups;
    /* With too little room nothing is written, and the length is that which is needed. */
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &length) < 0 && errno != ERANGE) return -errno;
    return (int)(length / sizeof *groups);
}

int usher_peer_has_finished(int fd)
{
    struct pollfd asked = {.fd = fd, .events = POLLRDHUP};
    return checked(poll(&asked, 1, 0));
}

int usher_eventfd(void) { return checked(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)); }

void usher_eventfd_post(int fd)
{
    /* A counter at its maximum has woken its reader already: a failed write loses nothing. */
    uint64_t one = 1;
    ssize_t ignored = write(fd, &one, sizeof one);
    (void)ignored;
}

int usher_signalfd(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0) return -EINVAL;
    signal(SIGPIPE, SIG_IGN);
    return checked(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
}

int usher_signal_next(int fd)
{
    struct signalfd_siginfo info;
    return read(fd, &info, sizeof info) == sizeof info ? (int)info.ssi_signo : 0;
}
