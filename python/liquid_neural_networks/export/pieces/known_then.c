/* The values at the newest sample that is at least as old as `least`. The search starts `back` samples
 * before the newest one, whose age is `age`, and moves both. If no sample is that old: the newest values. */
static const float *known_then(const past_samples *past, double least, int *back, double *age) {
    while (*age < least && *back + 1 < past->count) {
        *age = age_before(past, *back, *age);
        ++*back;
    }
    return past->known[sample_before(past, *age < least ? 0 : *back)];
}
