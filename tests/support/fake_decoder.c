/*
 * fake_decoder.c - stands in for imageresize-decode in tests of the pool. The "image" is a text
 * that says what to do: "ok", "crash", "lie width" and so on, with " need N" at its end for the
 * memory to ask for.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "decode/decode_protocol.h"

struct job {
    struct decode_work work;
    int fds[1 + DECODE_MAX_OUTPUTS];
    char text[200];
};

static void send_packet(const void *packet, size_t size)
{
    if (send(DECODE_SOCKET_FD, packet, size, MSG_NOSIGNAL) < 0)
        exit(1);
}

static void receive_work(struct job *job)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof job->fds)];
    } control;
    struct iovec iov = {&job->work, sizeof job->work};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    struct cmsghdr *header;
    ssize_t n;

    if (recvmsg(DECODE_SOCKET_FD, &message, 0) <= 0)
        exit(0);
    header = CMSG_FIRSTHDR(&message);
    if (!header)
        exit(1);
    memcpy(job->fds, CMSG_DATA(header), header->cmsg_len - CMSG_LEN(0));
    n = pread(job->fds[0], job->text, sizeof job->text - 1, 0);
    job->text[n > 0 ? n : 0] = '\0';
}

static bool says(const struct job *job, const char *what)
{
    return strncmp(job->text, what, strlen(what)) == 0;
}

static uint64_t need_of(const struct job *job)
{
    const char *need = strstr(job->text, "need ");

    return need ? strtoull(need + 5, NULL, 10) : 1;
}

/* What this process holds: the descriptors above the socket, and the bytes of its environment. */
static void describe_process(char *ret, size_t size)
{
    char environment[4096];
    int fd = open("/proc/self/environ", O_RDONLY), extra = 0;
    ssize_t bytes = read(fd, environment, sizeof environment);
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;

    close(fd);
    while (dir && (entry = readdir(dir)))
        extra += atoi(entry->d_name) > DECODE_SOCKET_FD;
    /* the source, the output and the listing itself */
    snprintf(ret, size, "extra=%d environment=%zd", extra - 3, bytes);
}

/* Writes five times what an output may hold, and if it gets so far, 'W' over the text's first byte.
 */
static void overfill(const struct job *job)
{
    char bytes[1000] = {0};

    for (uint64_t left = 5 * job->work.max_output_bytes; left > 0;) {
        ssize_t n = write(job->fds[1], bytes, left < sizeof bytes ? left : sizeof bytes);

        if (n < 0)
            exit(1);
        left -= (uint64_t)n;
    }
    if (pwrite(job->fds[0], "W", 1, 0) != 1)
        exit(1);
}

static void misbehave(const struct job *job)
{
    if (says(job, "crash"))
        abort();
    if (says(job, "killed"))
        kill(getpid(), SIGKILL);
    if (says(job, "leave"))
        exit(0);
    while (says(job, "hang"))
        pause();
    while (says(job, "spin"))
        ;
    if (says(job, "overfill"))
        overfill(job);
}

/* For the test to see that the need has been told: 'N' over the text's first byte. A source from
 * the fetcher is sealed; then nobody looks. */
static void mark_asked(const struct job *job)
{
    ssize_t n = pwrite(job->fds[0], "N", 1, 0);

    (void)n;
}

/* Waits until the test has written 'G' over the text's first byte. */
static void wait_at_gate(const struct job *job)
{
    char c = 0;

    while (says(job, "wait") && pread(job->fds[0], &c, 1, 0) == 1 && c != 'G')
        sched_yield();
}

static void write_outputs(struct job *job, struct decode_done *done)
{
    char text[300];

    snprintf(text, sizeof text, "%ld %s", (long)getpid(), job->text);
    if (says(job, "describe"))
        describe_process(text, sizeof text);
    for (uint32_t i = 0; i < job->work.output_count; i++) {
        ssize_t n = write(job->fds[1 + i], text, strlen(text));

        done->outputs[i] = (struct decode_output_result){.width_px = 30,
                                                         .height_px = 20,
                                                         .format = DECODE_FORMAT_PNG,
                                                         .frames = 1,
                                                         .bytes = (uint64_t)n};
        if (says(job, "lie mapped"))
            (void)mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, job->fds[1 + i], 0);
    }
}

static void lie(const struct job *job, struct decode_done *done)
{
    struct decode_output_result *output = &done->outputs[0];

    if (says(job, "lie id"))
        done->id++;
    if (says(job, "lie kind"))
        done->kind++;
    if (says(job, "lie count"))
        done->output_count++;
    if (says(job, "lie status"))
        done->status = 99;
    if (says(job, "lie source"))
        done->source_width_px = 100000;
    if (says(job, "lie frames"))
        done->source_frames = UINT32_MAX;
    if (says(job, "lie width"))
        output->width_px = job->work.max_side_px + 1;
    if (says(job, "lie format"))
        output->format = DECODE_FORMAT_JPEG;
    if (says(job, "lie bytes"))
        output->bytes = job->work.max_output_bytes + 1;
    if (says(job, "lie size"))
        output->bytes++;
    if (says(job, "lie empty"))
        output->bytes = 0;
    if (says(job, "fail")) {
        done->status = DECODE_CORRUPT;
        memset(done->message, 'x', sizeof done->message);
        memcpy(done->message, "bro\nken\x01", 8);
    }
}

static void finish(struct job *job)
{
    struct decode_done done = {.kind = DECODE_DONE,
                               .id = job->work.id,
                               .source_width_px = 300,
                               .source_height_px = 200,
                               .source_format = DECODE_FORMAT_JPEG,
                               .source_frames = 1,
                               .output_count = job->work.output_count};

    write_outputs(job, &done);
    lie(job, &done);
    send_packet(&done, says(job, "lie short") ? 8 : sizeof done);
    if (says(job, "twice"))
        send_packet(&done, sizeof done);
    for (uint32_t i = 0; i <= job->work.output_count; i++)
        close(job->fds[i]);
}

int main(void)
{
    struct decode_note note = {.kind = DECODE_READY, .version = DECODE_PROTOCOL_VERSION};
    struct job job;

    send_packet(&note, sizeof note);
    for (;;) {
        receive_work(&job);
        note = (struct decode_note){
            .kind = DECODE_NEEDS, .id = job.work.id, .memory_bytes = need_of(&job)};
        if (!says(&job, "lie early") && !says(&job, "fail")) {
            send_packet(&note, sizeof note);
            mark_asked(&job);
            if (recv(DECODE_SOCKET_FD, &note, sizeof note, 0) <= 0)
                return 0;
        }
        misbehave(&job);
        wait_at_gate(&job);
        finish(&job);
    }
}
