#ifndef USHER_EPOLL_H
#define USHER_EPOLL_H
/* What the reactor needs of Linux and Swift's Glibc module does not offer: epoll itself, accept4 and SO_PEERCRED
   (behind _GNU_SOURCE), eventfd and signalfd. Every function returns -errno on failure. */
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/types.h>

struct usher_peer {
    pid_t pid;
    uid_t uid;
    gid_t gid;
};

int usher_epoll_create(void);
/* Adds (op EPOLL_CTL_ADD), changes or removes fd, with data as the event's u64. */
int usher_epoll_control(int epoll, int op, int fd, uint32_t events, uint64_t data);
/* An epoll_event is packed on x86-64: its fields are read here. */
int usher_epoll_wait(int epoll, struct epoll_event *events, int most, int timeout_ms);
uint64_t usher_event_data(const struct epoll_event *events, int index);
uint32_t usher_event_flags(const struct epoll_event *events, int index);

/* recv(2), and send(2) without waiting and without SIGPIPE. As no thread is ever cancelled here, they leave out what makes the library's
   own ones places where one can be. */
ssize_t usher_receive(int fd, void *bytes, size_t count);
ssize_t usher_send(int fd, const void *bytes, size_t count);

/* A nonblocking, close-on-exec connection of a listening socket. */
int usher_accept(int listener);
int usher_peer_credentials(int fd, struct usher_peer *peer);
/* How many supplementary groups the peer had when it connected; they are written if there is room for all. */
int usher_peer_groups(int fd, gid_t *groups, int room);
/* Whether the peer will write no more: 1 or 0. Not to be asked once this side has shut its reading down. */
int usher_peer_has_finished(int fd);

int usher_eventfd(void);
void usher_eventfd_post(int fd);

/* Blocks SIGTERM, SIGINT and SIGHUP for the process (call before any thread starts), ignores SIGPIPE, and returns a descriptor
   that reads them. */
int usher_signalfd(void);
/* The next signal, or 0. */
int usher_signal_next(int fd);

#endif
