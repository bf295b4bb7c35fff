/* Runs exported networks on the sequences that a script describes: standard input, or with SCRIPT, which
 * names a header of one string, that string, on a machine without an operating system. exports.h, made
 * for the occasion, lists the networks. Numbers travel as the eight hexadecimal digits of their bits.
 *
 *     r NETWORK                        a new state
 *     s NETWORK NUMBERS...             sets the state
 *     p NETWORK ELAPSED INPUTS...      a step; answers: accepted, outputs, state
 *     o NETWORK ELAPSED INPUTS...      the same without the state, which may be long
 *     c NETWORK                        answers whether the state can be used
 */
#include <stdint.h>

#ifdef __FLASH
#define IN_FLASH __flash
#else
#define IN_FLASH
#endif

/* A number of an export, float or whole, and its bits. */
typedef union {
    uint32_t bits;
    int32_t whole;
    float value;
} word;

typedef struct {
    int inputs, outputs, numbers; /* numbers: in the state */
    word *state;
    void (*init)(void);
    int (*step)(const word *inputs, word elapsed_time, word *outputs);
    int (*check_state)(void);
} network;

#include "exports.h"

#ifdef SCRIPT
#include SCRIPT
#include "machine.h"
static int next_char(void) {
    static const IN_FLASH char *at = script;
    const char c = *at;
    if (c == '\0') return -1;
    at++;
    return c;
}
static word *words_for(int count) {
    static word words[2 * 64];
    static int half;
    if (count > 64) leave(3);
    half = !half;
    return words + 64 * half;
}
#define done(words) (void)(words)
#else
#include <stdio.h>
#include <stdlib.h>
#define next_char getchar
#define write_char putchar
#define leave exit
/* No larger than it has to be: the address sanitizer sees whatever is read beyond. */
static word *words_for(int count) {
    word *found = calloc((size_t)count, sizeof *found);
    if (!found) exit(3);
    return found;
}
#define done free
#endif

/* The next number, of base 10 or 16, and whether there is one. */
static int read_number(uint32_t base, uint32_t *number) {
    int c = next_char();
    while (c == ' ' || c == '\n') c = next_char();
    if (c < 0) return 0;
    for (*number = 0; c > ' '; c = next_char()) {
        *number = *number * base + (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return 1;
}

static word read_word(void) {
    word found;
    if (!read_number(16, &found.bits)) leave(2);
    return found;
}

static void write_words(const word *words, int count) {
    for (int i = 0; i < count; i++) {
        write_char(' ');
        for (int digit = 28; digit >= 0; digit -= 4) {
            write_char("0123456789abcdef"[(words[i].bits >> digit) & 15]);
        }
    }
}

static void step(const network *n, int with_state) {
    word *inputs = words_for(n->inputs), *outputs = words_for(n->outputs);
    const word elapsed = read_word();
    for (int k = 0; k < n->inputs; k++) inputs[k] = read_word();
    write_char(n->step(inputs, elapsed, outputs) ? '1' : '0');
    write_words(outputs, n->outputs);
    if (with_state) write_words(n->state, n->numbers);
    write_char('\n');
    done(inputs);
    done(outputs);
}

int main(void) {
    uint32_t which;
    for (int command = next_char(); read_number(10, &which); command = next_char()) {
        const network *n = &networks[which];
        switch (command) {
        case 'r': n->init(); break;
        case 'p': step(n, 1); break;
        case 'o': step(n, 0); break;
        case 'c':
            write_char(n->check_state() ? '1' : '0');
            write_char('\n');
            break;
        case 's':
            for (int i = 0; i < n->numbers; i++) n->state[i] = read_word();
        }
    }
    leave(0);
    return 0;
}
