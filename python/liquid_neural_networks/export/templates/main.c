/* Tries $name on this machine: reads lines of numbers from standard input, with commas or blanks between
 * them: $line_format, nan or nothing before a comma where one is missing.
 * Writes the outputs of each, one line a sample; exits with 1 if no line could be used.
 *
 *     make && printf '$example\n' | ./$name
 */
#include "$name.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBERS ($numbers)
#define LONGEST_LINE 65536

/* The numbers of a line; returns how many there are, or -1 where one cannot be read. */
static int read_numbers(const char *line, float *found) {
    const char *at = line;
    for (int count = 0; count < NUMBERS; count++) {
        char *end;
        const float value = strtof(at, &end);
        found[count] = end == at ? NAN : value;
        at = end + strspn(end, " \t\r\n");
        if (*at == '\0') return count + 1;
        if (*at == ',') {
            at++;
        } else if (at == end) {
            return -1;
        }
    }
    return -1;
}

int main(void) {
    static char line[LONGEST_LINE];
    ${name}_state state;
    float numbers[NUMBERS];
$buffers    long row = 0, used = 0;
    ${name}_init(&state);
    while (fgets(line, sizeof line, stdin)) {
        row++;
        if (read_numbers(line, numbers) != NUMBERS) {
            fprintf(stderr, "line %ld: expected %d numbers with commas or blanks between them, skipped\n",
                    row, NUMBERS);
            continue;
        }
$call        for (int o = 0; o < ${NAME}_OUTPUTS; o++) {
            printf(o ? ",%.9g" : "%.9g", $printed);
        }
$label        printf("\n");
        fflush(stdout);
        used++;
    }
    return row > 0 && used == 0;
}
