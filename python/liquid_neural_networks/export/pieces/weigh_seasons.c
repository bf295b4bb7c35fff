/* Adds the columns of the seasons: each target's value then minus its newest value, 0 if the value then
 * is missing. The ages are sorted, so the ring is walked only once. */
static void weigh_seasons(float *start, int column, const past_samples *past, const float *latest,
                          int first_age) {
    double age = 0.0;
    int back = 0;
    for (int v = 0; v < SEASONS; v++) {
        const float *then = known_then(past, (double)season_age[first_age + v], &back, &age);
        for (int o = 0; o < TARGETS; o++, column++) {
            if (is_missing(latest[o])) continue;
            weigh_column(start, column, is_missing(then[o]) ? 0.0f : then[o] - latest[o]);
        }
    }
}
