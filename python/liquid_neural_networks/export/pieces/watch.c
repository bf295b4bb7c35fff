/* Keeps the latest known values of the inputs that are not fed as changes. */
static void watch(float *latest, const float *u) {
    for (int w = CHANGES; w < WATCHED; w++) {
        if (!is_missing(u[watched[w]])) latest[w] = u[watched[w]];
    }
}
