/* Runs exported networks on the sequences that standard input describes. exports.h, made for the
 * occasion, lists the networks. Numbers travel as the eight hexadecimal digits of their bits.
 *
 *     r NETWORK                        a new state
 *     s NETWORK NUMBERS...             sets the state
 *     p NETWORK ELAPSED INPUTS...      a step; answers: accepted, outputs, state
 *     c NETWORK                        answers whether the state can be used
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int inputs, outputs, numbers; /* numbers: in the state */
    float *state;
    void (*init)(void);
    int (*step)(const float *inputs, float elapsed_time, float *outputs);
    int (*check_state)(void);
} network;

#include "exports.h"

static float read_float(void) {
    uint32_t bits;
    float value;
    if (scanf("%8" SCNx32, &bits) != 1) exit(2);
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void write_floats(const float *values, int count) {
    for (int i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        printf(" %08" PRIx32, bits);
    }
}

static void step(const network *n) {
    /* No larger than they have to be: the address sanitizer sees whatever is read beyond. */
    float *inputs = malloc(sizeof *inputs * (size_t)n->inputs);
    float *outputs = calloc((size_t)n->outputs, sizeof *outputs);
    const float elapsed = read_float();
    if (!inputs || !outputs) exit(3);
    for (int k = 0; k < n->inputs; k++) inputs[k] = read_float();
    printf("%d", n->step(inputs, elapsed, outputs));
    write_floats(outputs, n->outputs);
    write_floats(n->state, n->numbers);
    printf("\n");
    free(inputs);
    free(outputs);
}

int main(void) {
    char command;
    int which;
    while (scanf(" %c %d", &command, &which) == 2) {
        const network *n = &networks[which];
        if (command == 'r') n->init();
        if (command == 'p') step(n);
        if (command == 'c') printf("%d\n", n->check_state());
        if (command != 's') continue;
        for (int i = 0; i < n->numbers; i++) n->state[i] = read_float();
    }
    return 0;
}
