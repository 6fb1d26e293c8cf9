#include "output_target.h"

#include <stdio.h>
#include <string.h>

#define HASH_DIGITS 16
#define UUID_LEN (UUID_SIZE - 1)

/* What is wrong is not quoted: people put keys and passwords into URLs. */
#define NOT_A_BUCKET "not a bucket's name: 3 to 63 of a-z, 0-9, '.' and '-'"

/* Copies len bytes and a NUL; -1 when they do not fit. */
static int copy_text(char *ret, size_t size, const char *text, size_t len)
{
    if (len >= size)
        return -1;
    memcpy(ret, text, len);
    ret[len] = '\0';
    return 0;
}

static size_t without_end_slashes(const char *text)
{
    size_t len = strlen(text);

    while (len > 0 && text[len - 1] == '/')
        len--;
    return len;
}

static int parse_file(const char *path, struct output_target *ret, struct err *e)
{
    size_t len = without_end_slashes(path);

    ret->kind = OUTPUT_FILE;
    if (path[0] != '/' || len == 0)
        return err_set(e, ERR_INPUT, "IMAGERESIZE_OUTPUT: file:// needs an absolute folder");
    if (copy_text(ret->dir, sizeof ret->dir, path, len))
        return err_set(e, ERR_INPUT, "IMAGERESIZE_OUTPUT: the folder's name is over %d bytes",
                       OUTPUT_DIR_SIZE - 1);
    return 0;
}

/* Bucket names as Amazon takes them: 3 to 63 of a-z, 0-9, dot and hyphen. */
static bool is_bucket(const char *text, size_t len)
{
    return len >= 3 && len < OUTPUT_BUCKET_SIZE &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789.-") >= len;
}

/* Only what stays itself in a URL's path, so that signature and address agree on every server. */
static bool is_prefix(const char *text, size_t len)
{
    return len < OUTPUT_PREFIX_SIZE && text[0] != '/' && !strstr(text, "//") &&
           !strstr(text, "..") &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-") >=
               len;
}

static int parse_s3(const char *text, struct output_target *ret, struct err *e)
{
    size_t bucket_len = strcspn(text, "/"), prefix_len;
    const char *prefix = text + bucket_len;

    ret->kind = OUTPUT_S3;
    if (!is_bucket(text, bucket_len))
        return err_set(e, ERR_INPUT,
                       "IMAGERESIZE_OUTPUT: s3:// is followed by what is " NOT_A_BUCKET);
    (void)copy_text(ret->bucket, sizeof ret->bucket, text, bucket_len);
    if (*prefix == '/')
        prefix++;
    prefix_len = without_end_slashes(prefix);
    if (!is_prefix(prefix, prefix_len))
        return err_set(e, ERR_INPUT,
                       "IMAGERESIZE_OUTPUT: the prefix may hold letters, digits, '.', '_', '-' and "
                       "single slashes, at most %d bytes",
                       OUTPUT_PREFIX_SIZE - 1);
    (void)copy_text(ret->prefix, sizeof ret->prefix, prefix, prefix_len);
    return 0;
}

static int use_bucketeer(const char *bucket, struct output_target *ret, struct err *e)
{
    size_t len = strlen(bucket);

    ret->kind = OUTPUT_S3;
    if (!is_bucket(bucket, len))
        return err_set(e, ERR_INPUT, "BUCKETEER_BUCKET_NAME: is " NOT_A_BUCKET);
    (void)copy_text(ret->bucket, sizeof ret->bucket, bucket, len);
    strcpy(ret->prefix, "public");
    return 0;
}

int output_target_parse(const char *setting, const char *bucketeer_bucket,
                        struct output_target *ret, struct err *e)
{
    memset(ret, 0, sizeof *ret); /* OUTPUT_POSTGRES */
    if (!setting)
        return bucketeer_bucket ? use_bucketeer(bucketeer_bucket, ret, e) : 0;
    if (strcmp(setting, "postgres:") == 0)
        return 0;
    if (strncmp(setting, "file://", 7) == 0)
        return parse_file(setting + 7, ret, e);
    if (strncmp(setting, "s3://", 5) == 0)
        return parse_s3(setting + 5, ret, e);
    return err_set(e, ERR_INPUT,
                   "IMAGERESIZE_OUTPUT: must be postgres:, file:///dir or s3://bucket/prefix");
}

void output_name_make(const char image[UUID_SIZE], const char *sha256_hex, const char *extension,
                      char ret[OUTPUT_NAME_SIZE])
{
    snprintf(ret, OUTPUT_NAME_SIZE, "%.36s-%.16s.%.4s", image, sha256_hex, extension);
}

bool output_name_is_valid(const char *name)
{
    char image[UUID_SIZE];
    const char *hash, *extension;
    size_t len = strlen(name);

    if (len >= OUTPUT_NAME_SIZE || len < UUID_LEN + 1 + HASH_DIGITS + 2)
        return false;
    (void)copy_text(image, sizeof image, name, UUID_LEN);
    hash = name + UUID_LEN + 1;
    extension = hash + HASH_DIGITS + 1;
    return uuid_is_valid(image) && hash[-1] == '-' &&
           strspn(hash, "0123456789abcdef") == HASH_DIGITS && extension[-1] == '.' &&
           strspn(extension, "abcdefghijklmnopqrstuvwxyz0123456789") == strlen(extension);
}
