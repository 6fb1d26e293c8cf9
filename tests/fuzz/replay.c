/*
 * replay.c - a main for fuzz targets without libFuzzer: gives each file of the folders named to the
 * target once. Words that begin with '-' are libFuzzer's and are left alone.
 */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "fuzz.h"

static void give_up(const char *path)
{
    perror(path);
    exit(1);
}

static void read_file(const char *path, struct buf *ret)
{
    char chunk[65536];
    size_t n;
    FILE *f = fopen(path, "rb");

    if (!f)
        give_up(path);
    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
        buf_append(ret, chunk, n);
    if (ferror(f) || ret->failed)
        give_up(path);
    fclose(f);
}

/* In memory of exactly its size, so that a sanitizer or valgrind sees a read past it. */
static void replay(const char *path)
{
    AUTO(buf_release) struct buf bytes = BUF_INIT;
    uint8_t *exact;

    read_file(path, &bytes);
    exact = malloc(bytes.len ? bytes.len : 1);
    if (!exact)
        give_up(path);
    if (bytes.len)
        memcpy(exact, bytes.data, bytes.len);
    fprintf(stderr, "%s\n", path); /* the last one told is the one that crashed */
    LLVMFuzzerTestOneInput(exact, bytes.len);
    free(exact);
}

static int replay_folder(const char *folder)
{
    char path[4096];
    const struct dirent *entry;
    struct stat st;
    int files = 0;
    DIR *dir = opendir(folder);

    if (!dir)
        give_up(folder);
    while ((entry = readdir(dir))) {
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
            replay(path);
            files++;
        }
    }
    closedir(dir);
    return files;
}

int main(int argc, char **argv)
{
    int files = 0;

    for (int i = 1; i < argc; i++)
        if (argv[i][0] != '-')
            files += replay_folder(argv[i]);
    printf("%d files\n", files);
    return files > 0 ? 0 : 1;
}
