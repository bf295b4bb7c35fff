/* latest also has the latest known values of inputs that are fed as they are. */
static void watch(float *latest, const float *u) {
    for (int w = CHANGES; w < WATCHED; w++) {
        if (!is_missing(u[watched[w]])) latest[w] = u[watched[w]];
    }
}
