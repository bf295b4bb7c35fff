static int weigh_latest(float *start, int column, const float *latest) {
    for (int w = 0; w < WATCHED; w++) weigh_column(start, column++, latest[w]);
    return column;
}
