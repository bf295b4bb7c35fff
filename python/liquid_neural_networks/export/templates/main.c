/* Tries $name on this machine: reads lines of numbers with commas between them from standard input,
 * $line_format, nothing or nan where one is missing; writes the outputs of each,
 * one line a sample.
 *
 *     make && printf '$example\n' | ./$name
 */
#include "$name.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define NUMBERS ($numbers)
#define LONGEST_LINE 65536

/* The numbers of a line; returns how many there are, or -1 where one cannot be read. */
static int read_numbers(char *line, float *found) {
    int count = 0;
    for (char *at = line;; at++, count++) {
        char *end = at;
        const float value = strtof(at, &end);
        if (count == NUMBERS) return -1;
        found[count] = end == at ? NAN : value;
        while (*end == ' ' || *end == '\r' || *end == '\n') end++;
        if (*end == '\0') return count + 1;
        if (*end != ',') return -1;
        at = end;
    }
}

int main(void) {
    static char line[LONGEST_LINE];
    ${name}_state state;
    float numbers[NUMBERS], outputs[${NAME}_OUTPUTS];
    long row = 0;
    ${name}_init(&state);
    while (fgets(line, sizeof line, stdin)) {
        row++;
        if (read_numbers(line, numbers) != NUMBERS) {
            fprintf(stderr, "line %ld: expected %d numbers with commas between them, skipped\n", row, NUMBERS);
            continue;
        }
$call        for (int o = 0; o < ${NAME}_OUTPUTS; o++) {
            printf(o ? ",%.9g" : "%.9g", (double)outputs[o]);
        }
$label        printf("\n");
        fflush(stdout);
    }
    return 0;
}
