/* ---- samples before: a ring of them ------------------------------------------------------------- */
static int sample_before(const past_samples *past, int count) {
    const int at = past->newest - count;
    return at < 0 ? at + PAST : at;
}

static void keep(past_samples *past, const float *latest) {
    past->newest = past->newest + 1 < PAST ? past->newest + 1 : 0;
    if (past->count < PAST) past->count++;
    for (int k = 0; k < KEPT; k++) past->known[past->newest][k] = latest[k];
}
