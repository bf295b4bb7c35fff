/* The newest sample of each age; where there is none, or its value was unknown, the newest of all. Ages
 * rise, so that one way back is enough. */
static void weigh_seasons(float *start, int column, const past_samples *past, const float *latest,
                          const FLASH float *least) {
    double age = 0.0;
    int lag = 0;
    for (int v = 0; v < SEASONS; v++) {
        while (age < (double)least[v] && lag + 1 < past->count) age = age_before(past, lag++, age);
        const float *before = past->known[sample_before(past, age < (double)least[v] ? 0 : lag)];
        for (int o = 0; o < TARGETS; o++, column++) {
            if (is_missing(latest[o])) continue;
            weigh_column(start, column, is_missing(before[o]) ? 0.0f : before[o] - latest[o]);
        }
    }
}
