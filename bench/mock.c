// The upstream of the benchmarks: answers POST in OpenAI's chat completions wire, streamed or plain, and POST
// .../messages as a stream of Anthropic's, on 127.0.0.1:PORT.
// usage: mock PORT
//
// Words in the request body say how: "tokens=N" pieces of a stream, "gap=US" between them, "first=US" before the first
// (for a plain answer: before it). Each piece carries the moment it was sent, "~" and 16 hex digits of nanoseconds on
// CLOCK_MONOTONIC, so that load.c can tell how long it was under way. GET answers with an empty list, POST to a path
// that begins with /500 with that status.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { REQUEST = 65536, LARGEST = 64 << 20, CONNECTIONS = 8192 }; // a request's room at first and at most

#define WORDS "The quick brown fox jumps over the lazy dog and runs home. "
#define USAGE "\"usage\":{\"prompt_tokens\":170,\"completion_tokens\":40,\"total_tokens\":210}"
#define CHUNK "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1750000000," \
              "\"model\":\"gpt-4o-mini\",\"system_fingerprint\":\"fp_bench\",\"choices\":[{\"index\":0,\"delta\":"

#define BLOCK "event: content_block_delta\ndata: {\"type\":\"content_block"
#define MESSAGE_BEGIN \
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_bench\",\"type\":\"message\",\"role\":\"assistant\"," \
    "\"model\":\"claude-bench\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null," \
    "\"usage\":{\"input_tokens\":170,\"output_tokens\":1}}}\n\n" \
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0," \
    "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
#define MESSAGE_END \
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n" \
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null}," \
    "\"usage\":{\"output_tokens\":40}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"

typedef struct {
    int fd, timer, streaming, messages;
    long left, gap;
    size_t have, room;
    char *in;
} conn;

static conn *by_fd[CONNECTIONS];
static int poller;

static void watch(int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

static void drop(conn *c) {
    by_fd[c->fd] = by_fd[c->timer] = NULL;
    close(c->fd);
    close(c->timer);
    free(c->in);
    free(c);
}

static void arm(conn *c, long first, long gap) { // microseconds; the ns more is there because a timer of 0 would be off
    struct itimerspec when = {.it_value = {first / 1000000, first % 1000000 * 1000 + 1},
                              .it_interval = {gap / 1000000, gap % 1000000 * 1000}};
    timerfd_settime(c->timer, 0, &when, NULL);
}

static int put(conn *c, const char *data, size_t size) { // answers are small beside the socket's buffer
    return send(c->fd, data, size, MSG_NOSIGNAL) == (ssize_t)size;
}

static int put_chunk(conn *c, const char *data, int last) { // the last one with the end of the body
    char out[1024];
    int size = snprintf(out, sizeof out, "%zx\r\n%s\r\n%s", strlen(data), data, last ? "0\r\n\r\n" : "");
    return put(c, out, size);
}

static int put_piece(conn *c) {
    struct timespec now;
    char event[768];
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(event, sizeof event,
             c->messages ? BLOCK "_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"word ~%016llx \"}}\n\n"
                         : "data: " CHUNK "{\"content\":\"word ~%016llx \"},\"finish_reason\":null}]}\n\n",
             now.tv_sec * 1000000000ULL + now.tv_nsec);
    if (!put_chunk(c, event, 0)) return 0;
    if (--c->left) return 1;
    static const struct itimerspec off;
    timerfd_settime(c->timer, 0, &off, NULL);
    c->streaming = 0;
    return put_chunk(c, c->messages ? MESSAGE_END : "data: " CHUNK "{},\"finish_reason\":\"stop\"}]," USAGE "}\n\ndata: [DONE]\n\n", 1);
}

static int put_plain(conn *c) {
    static const char body[] =
        "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1750000000,\"model\":\"gpt-4o-mini\","
        "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"" WORDS WORDS WORDS WORDS "\"},"
        "\"logprobs\":null,\"finish_reason\":\"stop\"}]," USAGE ",\"system_fingerprint\":\"fp_bench\"}";
    char out[2048];
    int size = snprintf(out, sizeof out, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                        sizeof body - 1, body);
    return put(c, out, size);
}

static long number(const char *body, const char *name, long otherwise) {
    const char *at = strstr(body, name);
    return at ? atol(at + strlen(name)) : otherwise;
}

static int answer(conn *c, const char *body) {
    long first = number(body, "first=", 0);
    c->streaming = strstr(body, "\"stream\":true") || strstr(body, "\"stream\": true");
    c->left = number(body, "tokens=", 20);
    c->gap = number(body, "gap=", 1000);
    if (!c->streaming) {
        if (!first) return put_plain(c);
        arm(c, first, 0);
        return 1;
    }
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    arm(c, first, c->gap);
    return put(c, head, sizeof head - 1) && (!c->messages || put_chunk(c, MESSAGE_BEGIN, 0));
}

static int refuse(conn *c) {
    static const char out[] = "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nContent-Length: 54\r\n\r\n"
                              "{\"error\":{\"message\":\"broken\",\"type\":\"server_error\"}}  ";
    return put(c, out, sizeof out - 1);
}

static int take(conn *c) { // reads, and answers every request that is whole; 0: the connection is over
    ssize_t got = recv(c->fd, c->in + c->have, c->room - 1 - c->have, 0);
    if (got <= 0) return got < 0 && errno == EAGAIN;
    c->have += got;
    c->in[c->have] = 0;
    char *end = strstr(c->in, "\r\n\r\n");
    if (!end) return c->have < c->room - 1;
    char *length = strcasestr(c->in, "\r\ncontent-length:");
    size_t whole = end + 4 - c->in + (length && length < end ? atol(length + 17) : 0);
    if (whole >= LARGEST) return 0;
    if (whole >= c->room) c->in = realloc(c->in, c->room = whole + 1);
    if (c->have < whole) return 1;
    int post = c->in[0] == 'P', ok;
    static const char none[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 27\r\n\r\n"
                               "{\"object\":\"list\",\"data\":[]}";
    char *line = strstr(c->in, "\r\n"), *messages = strstr(c->in, "/messages");
    c->messages = messages && messages < line;
    if (!strncmp(c->in, "POST /500", 9))
        ok = refuse(c);
    else
        ok = post ? answer(c, strstr(c->in, "\r\n\r\n") + 4) : put(c, none, sizeof none - 1);
    c->have = 0;
    return ok;
}

static int tick(conn *c) {
    uint64_t times;
    if (read(c->timer, &times, sizeof times) < 0) return 1;
    if (!c->streaming) return put_plain(c);
    while (times-- && c->streaming)
        if (!put_piece(c)) return 0;
    return 1;
}

int main(int count, char **words) {
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    here.sin_port = htons(count > 1 ? atoi(words[1]) : 9200);
    signal(SIGPIPE, SIG_IGN);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (void *)&here, sizeof here) || listen(listener, 2048)) return perror("mock"), 1;
    poller = epoll_create1(0);
    watch(listener);
    for (;;) {
        struct epoll_event events[256];
        int ready = epoll_wait(poller, events, 256, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            conn *c = by_fd[fd];
            if (fd == listener) {
                int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
                if (client < 0) continue;
                int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
                if (timer < 0 || timer >= CONNECTIONS || client >= CONNECTIONS) {
                    close(client);
                    if (timer >= 0) close(timer);
                    continue;
                }
                setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                c = calloc(1, sizeof *c);
                c->fd = client, c->timer = timer;
                c->in = malloc(c->room = REQUEST);
                by_fd[client] = by_fd[timer] = c;
                watch(client);
                watch(timer);
            } else if (c && !(fd == c->fd ? take(c) : tick(c)))
                drop(c);
        }
    }
}
