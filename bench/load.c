// The clients of the benchmarks: one thread, many connections to 127.0.0.1:PORT; prints one line of JSON.
// usage: load PORT PATH BODY-FILE HEADER CONNECTIONS SECONDS RATE TOKENS
//
// RATE 0: each connection asks again as soon as it has its answer. RATE > 0: as many requests a second in all, spread
// evenly over the connections. TOKENS 0: plain answers. TOKENS > 0: streams of that many pieces (see mock.c); a stream
// that ends with fewer, or without [DONE] or message_stop, is a failure. RATE < 0: every connection sends one request, the starts
// spread over -RATE seconds, and SECONDS bounds the whole. Times are microseconds.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { KEPT = 64, LARGEST = 64 << 20 }; // so many last bytes of a read are looked at again, for what a cut divided

typedef struct {
    int fd, busy, status, chunked, closes, in_body, done, tokens;
    long left;
    double asked, due;
    size_t have;
    char tail[KEPT];
} conn;

typedef struct {
    float *values;
    size_t count, room;
} series;

static series latency, first, delay;
static conn *conns;
static int port, poller, wanted, connections, once;
static char *request, sample[160];
static size_t request_size;
static long ok, failed, pieces;
static double now, spacing;

static double clock_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void add(series *s, double value) {
    if (s->count == s->room) s->values = realloc(s->values, (s->room = s->room * 2 + 1024) * sizeof(float));
    s->values[s->count++] = value;
}

static int smaller(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void tell(const char *name, series *s) {
    qsort(s->values, s->count, sizeof(float), smaller);
    double p50 = s->count ? s->values[s->count / 2] : 0, p99 = s->count ? s->values[s->count * 99 / 100] : 0;
    printf(",\"%s\":{\"n\":%zu,\"p50\":%.1f,\"p99\":%.1f}", name, s->count, p50, p99);
}

static void dial(conn *c) {
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    there.sin_port = htons(port);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(c->fd, (void *)&there, sizeof there)) perror("connect"), exit(1);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event);
}

static void ask(conn *c) {
    if (c->fd < 0) dial(c);
    c->status = c->chunked = c->closes = c->in_body = c->done = c->tokens = 0;
    c->left = -1;
    c->have = 0;
    c->busy = 1;
    c->asked = clock_us();
    if (send(c->fd, request, request_size, MSG_NOSIGNAL) != (ssize_t)request_size) perror("send"), exit(1);
}

static void finish(conn *c, int good) {
    if (good) {
        ok++;
        add(&latency, now - c->asked);
    } else
        failed++;
    if (!good || once || c->closes) { // gthread keeps few idle connections and says so
        close(c->fd);
        c->fd = -1;
    }
    c->busy = 0;
    c->due = spacing > 0 ? c->due + spacing * connections : once ? 1e18 : 0;
}

static void look(conn *c, const char *data, const char *end, const char *fresh) { // tokens that end at or after fresh
    for (const char *at = data; (at = memchr(at, '~', end - at)); at++) {
        if (end - at < 17) break;
        if (at + 17 <= fresh) continue;
        if (!c->tokens++) add(&first, now - c->asked);
        pieces++;
        add(&delay, now - strtoull(at + 1, NULL, 16) / 1e3);
    }
    if (wanted && (memmem(data, end - data, "data: [DONE]", 12) || memmem(data, end - data, "event: message_stop", 19)))
        c->done = 1;
}

static int body_begins(conn *c, char *head) { // 0: not a good answer
    c->status = atoi(head + 9);
    char *length = strcasestr(head, "\r\ncontent-length:");
    c->chunked = !!strcasestr(head, "\r\ntransfer-encoding: chunked");
    c->closes = !!strcasestr(head, "\r\nconnection: close");
    c->left = length ? atol(length + 17) : -1;
    c->in_body = 1;
    if (c->status != 200 && !*sample) snprintf(sample, sizeof sample, "%.*s", (int)strcspn(head, "\r\n"), head);
    return c->status == 200;
}

static void heard(conn *c) {
    char data[65536 + KEPT + 1];
    memcpy(data, c->tail, c->have);
    ssize_t got = recv(c->fd, data + c->have, 65536, 0);
    now = clock_us();
    if (got <= 0) return finish(c, 0);
    char *from = data, *fresh = data + c->have, *end = fresh + got;
    *end = 0;
    if (!c->in_body) {
        char *gap = memmem(data, end - data, "\r\n\r\n", 4);
        if (!gap && end - data < KEPT) { // a head in pieces: only the very first bytes may be alone
            c->have = end - data;
            memcpy(c->tail, data, c->have);
            return;
        }
        if (!gap) return finish(c, 0);
        *gap = 0;
        if (!body_begins(c, data)) return finish(c, 0);
        from = fresh = gap + 4;
    }
    if (wanted) look(c, from, end, fresh);
    if (c->left >= 0) c->left -= end - fresh;
    int over = c->left == 0 || (c->chunked && end - from >= 5 && !memcmp(end - 5, "0\r\n\r\n", 5));
    if (over) return finish(c, !wanted || (c->done && c->tokens == wanted));
    c->have = end - from < KEPT ? end - from : KEPT;
    memcpy(c->tail, end - c->have, c->have);
}

static void prepare(char **words) {
    char *body = malloc(LARGEST);
    FILE *file = fopen(words[3], "r");
    if (!file) perror(words[3]), exit(1);
    size_t size = fread(body, 1, LARGEST, file);
    request_size = asprintf(&request,
                            "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n%s\r\n"
                            "Content-Length: %zu\r\n\r\n%.*s", words[2], port, words[4], size, (int)size, body);
}

int main(int count, char **words) {
    if (count != 9) return fprintf(stderr, "usage: see load.c\n"), 2;
    port = atoi(words[1]);
    prepare(words);
    connections = atoi(words[5]);
    double seconds = atof(words[6]), rate = atof(words[7]);
    wanted = atoi(words[8]);
    once = rate < 0;
    spacing = rate > 0 ? 1e6 / rate : 0;
    poller = epoll_create1(0);
    conns = calloc(connections, sizeof *conns);
    double start = now = clock_us(), end = start + seconds * 1e6;
    for (int i = 0; i < connections; i++) {
        conns[i].fd = -1;
        conns[i].due = start + (once ? -rate * 1e6 / connections : spacing) * i;
    }
    for (int busy = 1; now < end + 5e6 && (now < end || busy);) {
        double soonest = end;
        busy = 0;
        for (int i = 0; i < connections; i++) {
            conn *c = conns + i;
            if (!c->busy && c->due <= now && now < end) ask(c);
            busy += c->busy;
            if (!c->busy && c->due < soonest) soonest = c->due;
        }
        if (once && !busy && soonest >= end) break;
        struct epoll_event events[256];
        double wait = now < end ? (soonest - now) / 1e3 : 100;
        int ready = epoll_wait(poller, events, 256, wait < 0 ? 0 : wait > 1000 ? 1000 : (int)wait + (wait > 0.05));
        now = clock_us();
        for (int i = 0; i < ready; i++) heard(events[i].data.ptr);
    }
    long unfinished = 0;
    for (int i = 0; i < connections; i++) unfinished += conns[i].busy;
    printf("{\"ok\":%ld,\"failed\":%ld,\"unfinished\":%ld,\"tokens\":%ld,\"seconds\":%.3f", ok, failed, unfinished, pieces,
           (now - start) / 1e6);
    tell("latency", &latency);
    tell("first", &first);
    tell("delay", &delay);
    printf(",\"said\":\"%s\"}\n", sample);
}
