/* Adds one column, less its mean and times its weights, to each target; a missing value adds nothing. */
static void weigh_column(float *start, int column, float seen) {
    if (is_missing(seen)) return;
    for (int o = 0; o < TARGETS; o++) {
        start[o] += column_weight[column * TARGETS + o] * (seen - column_mean[column]);
    }
}
