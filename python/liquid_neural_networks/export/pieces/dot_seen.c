/* The product of a row of a matrix and count numbers, of which missing ones count as 0. */
static float dot_seen(const FLASH float *row, const float *x, int count) {
    float sum = 0.0f;
    for (int k = 0; k < count; k++) {
        if (!is_missing(x[k])) sum += row[k] * x[k];
    }
    return sum;
}
