/* The product of a row of a matrix and count numbers. */
static float dot(const FLASH float *row, const float *x, int count) {
    float sum = 0.0f;
    for (int k = 0; k < count; k++) sum += row[k] * x[k];
    return sum;
}
