/* ---- changes -------------------------------------------------------------------------------------
 *
 * The network is fed by how much some inputs changed, and puts out by how much they will have changed.
 * latest has their latest known values.
 */
static void to_changes(float *latest, float *u) {
    for (int w = 0; w < CHANGES; w++) {
        const float level = u[watched[w]];
        if (is_missing(level)) continue;
        u[watched[w]] = is_missing(latest[w]) ? 0.0f : level - latest[w];
        latest[w] = level;
    }
}
