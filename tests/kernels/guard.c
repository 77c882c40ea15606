/* Puts every tensor's memory at the end of a page with a forbidden page behind it: who writes or reads past the end is
 * stopped at once, and who writes before it, or into the few bytes of alignment, when the memory is freed. Memory begins
 * as NaN, so that a kernel that takes its own scratch memory for zeros shows in its result.
 *
 * cc -shared -fPIC -o guard.so guard.c -ldl; LD_PRELOAD=guard.so. Off until the process sets `guard_on`. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, SLOTS = 1 << 16, PROBES = 64, CANARY = 0xA5, NAN_BYTE = 0xFF };

int guard_on = 0;

static struct { char *user, *base; size_t length, size; } slots[SLOTS];
static volatile int locked;

static void lock(void) { while (__sync_lock_test_and_set(&locked, 1)) {} }
static void unlock(void) { __sync_lock_release(&locked); }
static unsigned slot_of(void *p) { return (((uintptr_t)p >> 6) * 2654435761u) % SLOTS; }

static void check(const char *from, const char *to) {
    for (; from < to; from++)
        if ((unsigned char)*from != CANARY) {
            static const char message[] = "guard: memory beside a tensor was written to\n";
            if (write(2, message, sizeof message - 1)) {}
            abort();
        }
}

int posix_memalign(void **out, size_t alignment, size_t size) {
    static int (*original)(void **, size_t, size_t);
    if (!original) original = dlsym(RTLD_NEXT, "posix_memalign");
    if (!guard_on || !size) return original(out, alignment, size);
    size_t rounded = (size + alignment - 1) / alignment * alignment;
    size_t pages = (rounded + PAGE - 1) / PAGE * PAGE, length = pages + 2 * PAGE;
    char *base = mmap(0, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) return ENOMEM;
    char *end = base + PAGE + pages, *user = end - rounded;
    memset(base + PAGE, CANARY, pages);
    memset(user, NAN_BYTE, size);
    mprotect(base, PAGE, PROT_NONE);
    mprotect(end, PAGE, PROT_NONE);
    lock();
    unsigned slot = slot_of(user), tries = 0;
    while (slots[slot].user && ++tries < PROBES) slot = (slot + 1) % SLOTS;
    if (tries == PROBES) abort();
    slots[slot].user = user, slots[slot].base = base, slots[slot].length = length, slots[slot].size = size;
    unlock();
    *out = user;
    return 0;
}

void free(void *p) {
    static void (*original)(void *);
    if (!original) original = dlsym(RTLD_NEXT, "free");
    if (p) {
        lock();
        unsigned slot = slot_of(p);
        for (int tries = 0; tries < PROBES; tries++, slot = (slot + 1) % SLOTS)
            if (slots[slot].user == p) {
                char *base = slots[slot].base;
                size_t length = slots[slot].length, size = slots[slot].size;
                slots[slot].user = 0;
                unlock();
                check(base + PAGE, p);
                check((char *)p + size, base + length - PAGE);
                munmap(base, length);
                return;
            }
        unlock();
    }
    original(p);
}
