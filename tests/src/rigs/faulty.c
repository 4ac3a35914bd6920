/*
 * Makes calls on files below a folder fail, as a disk would that is at its end. Preloaded into a program.
 *
 *   PLATEN_FAULT_BELOW   the folder; files elsewhere, sockets and pipes are left alone
 *   PLATEN_FAULT_ORDERS  a file of lines "CALL ERRNO", such as "fsync 5"; it is read at each call, so that a test
 *                        breaks and mends the disk while the program runs; without it nothing fails
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int is_below(int fd)
{
    const char *below = getenv("PLATEN_FAULT_BELOW");
    char link[64], path[4096];
    ssize_t length;

    if (below == NULL)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof path - 1);
    if (length <= 0)
        return 0;
    path[length] = '\0';
    return strncmp(path, below, strlen(below)) == 0;
}

/* The error that a call on a file is to end with, or 0. By system calls, because read is one of ours. */
static int ordered(int fd, const char *call)
{
    const char *orders = getenv("PLATEN_FAULT_ORDERS");
    char text[512], name[32];
    char *line, *rest = text;
    long file, length;
    int error;

    if (orders == NULL || !is_below(fd))
        return 0;
    file = syscall(SYS_openat, AT_FDCWD, orders, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    length = syscall(SYS_read, file, text, sizeof text - 1);
    syscall(SYS_close, file);
    if (length <= 0)
        return 0;
    text[length] = '\0';
    while ((line = strsep(&rest, "\n")) != NULL)
        if (sscanf(line, "%31s %d", name, &error) == 2 && strcmp(name, call) == 0)
            return error;
    return 0;
}

#define FAULTY(result, name, call, parameters, arguments)                        \
    result name parameters                                                       \
    {                                                                            \
        static result (*real) parameters;                                        \
        int saved = errno, error = ordered(fd, call);                            \
        if (error != 0) {                                                        \
            errno = error;                                                       \
            return -1;                                                           \
        }                                                                        \
        errno = saved;                                                           \
        if (real == NULL)                                                        \
            *(void **)&real = dlsym(RTLD_NEXT, #name);                           \
        return real arguments;                                                   \
    }

FAULTY(ssize_t, write, "write", (int fd, const void *data, size_t count), (fd, data, count))
FAULTY(ssize_t, pwrite, "write", (int fd, const void *data, size_t count, off_t at), (fd, data, count, at))
FAULTY(ssize_t, pwrite64, "write", (int fd, const void *data, size_t count, off64_t at), (fd, data, count, at))
FAULTY(ssize_t, read, "read", (int fd, void *data, size_t count), (fd, data, count))
FAULTY(ssize_t, pread, "read", (int fd, void *data, size_t count, off_t at), (fd, data, count, at))
FAULTY(ssize_t, pread64, "read", (int fd, void *data, size_t count, off64_t at), (fd, data, count, at))
FAULTY(int, fsync, "fsync", (int fd), (fd))
FAULTY(int, fdatasync, "fsync", (int fd), (fd))
FAULTY(int, ftruncate, "write", (int fd, off_t size), (fd, size))
FAULTY(int, ftruncate64, "write", (int fd, off64_t size), (fd, size))
