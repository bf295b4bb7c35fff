/* Adds the columns of the lags. Lags from before the first sample take the first sample. */
static int weigh_before(float *start, int column, const past_samples *past, const float *latest) {
    for (int lag = 1; lag <= BEFORE; lag++) {
        const int known = lag < past->count ? lag : past->count - 1;
        const float *before = past->known[sample_before(past, known)];
        for (int k = 0; k < KEPT; k++) weigh_column(start, column++, before[k] - latest[k]);
    }
    return column;
}
