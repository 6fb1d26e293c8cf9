#include "live/footprint.h"

#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* The segments that cannot have been written to: their pages are as in the file. */
static int give_back(struct dl_phdr_info *object, size_t size, void *arg)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

    (void)size;
    (void)arg;
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        uintptr_t start = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
        uintptr_t end = object->dlpi_addr + segment->p_vaddr + segment->p_memsz;

        if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W) && end > start)
            (void)madvise((void *)start, end - start, MADV_DONTNEED); /* the hint may be ignored */
    }
    return 0;
}

void footprint_trim(void)
{
    malloc_trim(0);
    dl_iterate_phdr(give_back, NULL);
}
