/* Starts each target from its value one season ago, or from its newest value if that one is missing. */
static void repeat_season(float *start, const past_samples *past, int age_number) {
    double age = 0.0;
    int back = 0;
    const float *then = known_then(past, (double)season_age[age_number], &back, &age);
    for (int o = 0; o < TARGETS; o++) {
        if (!is_missing(then[o])) start[o] = then[o];
    }
}
