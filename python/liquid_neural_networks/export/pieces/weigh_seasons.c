/* By how much the targets differed; where they were unknown, not at all. Ages rise, so that one way back
 * is enough. */
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
