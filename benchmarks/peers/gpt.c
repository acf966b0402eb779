/* microgpt's model, forward and backward by hand: plain loops over one document.

   Given by -D: TOKENS, VOCABULARY, WIDTH, HEADS, PLACES. The parameters are the matrices of Model,
   row by row, and so is the gradient. */

#include <math.h>
#include <string.h>

enum { HEAD = WIDTH / HEADS, WIDE = 4 * WIDTH };

typedef struct {
    double token[VOCABULARY][WIDTH], place[PLACES][WIDTH];
    double query[WIDTH][WIDTH], key[WIDTH][WIDTH], value[WIDTH][WIDTH], mix[WIDTH][WIDTH];
    double widen[WIDE][WIDTH], narrow[WIDTH][WIDE], score[VOCABULARY][WIDTH];
} Model;

typedef double narrow_rows[TOKENS][WIDTH];

/* ---- y = W x at every place; what comes back adds to the slopes of W and of x ---- */

static inline void product(int rows, int columns, const double W[restrict rows][columns],
                           const double x[restrict TOKENS][columns],
                           double y[restrict TOKENS][rows])
{
    for (int t = 0; t < TOKENS; t++)
        for (int o = 0; o < rows; o++) {
            double sum = 0;
            for (int i = 0; i < columns; i++) sum += W[o][i] * x[t][i];
            y[t][o] = sum;
        }
}

static inline void product_back(int rows, int columns, const double W[restrict rows][columns],
                                const double x[restrict TOKENS][columns],
                                const double dy[restrict TOKENS][rows],
                                double dW[restrict rows][columns],
                                double dx[restrict TOKENS][columns])
{
    for (int t = 0; t < TOKENS; t++)
        for (int o = 0; o < rows; o++)
            for (int i = 0; i < columns; i++) dx[t][i] += W[o][i] * dy[t][o];
    for (int o = 0; o < rows; o++)
        for (int t = 0; t < TOKENS; t++)
            for (int i = 0; i < columns; i++) dW[o][i] += dy[t][o] * x[t][i];
}

/* ---- y = x / root mean square ---- */

static inline void normalise(const narrow_rows x, narrow_rows y, double scale[TOKENS])
{
    for (int t = 0; t < TOKENS; t++) {
        double sum = 0;
        for (int i = 0; i < WIDTH; i++) sum += x[t][i] * x[t][i];
        scale[t] = 1 / sqrt(sum / WIDTH + 1e-5);
        for (int i = 0; i < WIDTH; i++) y[t][i] = x[t][i] * scale[t];
    }
}

static inline void normalise_back(const narrow_rows x, const double scale[TOKENS],
                                  const narrow_rows dy, narrow_rows dx)
{
    for (int t = 0; t < TOKENS; t++) {
        double sum = 0;
        for (int i = 0; i < WIDTH; i++) sum += dy[t][i] * x[t][i];
        sum *= scale[t] * scale[t] * scale[t] / WIDTH;
        for (int i = 0; i < WIDTH; i++) dx[t][i] += dy[t][i] * scale[t] - x[t][i] * sum;
    }
}

/* ---- attention: shares of the values here and before, by head ---- */

static inline void attend(const narrow_rows q, const narrow_rows k, const narrow_rows v,
                          double shares[HEADS][TOKENS][TOKENS], narrow_rows y)
{
    for (int h = 0; h < HEADS; h++)
        for (int t = 0; t < TOKENS; t++) {
            double *share = shares[h][t], total = 0;
            for (int s = 0; s <= t; s++) {
                double score = 0;
                for (int j = h * HEAD; j < (h + 1) * HEAD; j++) score += q[t][j] * k[s][j];
                share[s] = exp(score / sqrt(HEAD));
                total += share[s];
            }
            for (int s = 0; s <= t; s++) share[s] /= total;
            for (int j = h * HEAD; j < (h + 1) * HEAD; j++) {
                double sum = 0;
                for (int s = 0; s <= t; s++) sum += share[s] * v[s][j];
                y[t][j] = sum;
            }
        }
}

static inline void attend_back(const narrow_rows q, const narrow_rows k, const narrow_rows v,
                               const double shares[HEADS][TOKENS][TOKENS], const narrow_rows dy,
                               narrow_rows dq, narrow_rows dk, narrow_rows dv)
{
    for (int h = 0; h < HEADS; h++)
        for (int t = 0; t < TOKENS; t++) {
            const double *share = shares[h][t];
            double dshare[TOKENS], mean = 0;
            for (int s = 0; s <= t; s++) {
                double sum = 0;
                for (int j = h * HEAD; j < (h + 1) * HEAD; j++) {
                    sum += dy[t][j] * v[s][j];
                    dv[s][j] += dy[t][j] * share[s];
                }
                dshare[s] = sum;
                mean += sum * share[s];
            }
            for (int s = 0; s <= t; s++) {
                double dscore = share[s] * (dshare[s] - mean) / sqrt(HEAD);
                for (int j = h * HEAD; j < (h + 1) * HEAD; j++) {
                    dq[t][j] += dscore * k[s][j];
                    dk[s][j] += dscore * q[t][j];
                }
            }
        }
}

/* ---- a step ---- */

/* The mean surprise over a document; the gradient is set. */
double step(const Model *p, const long *ids, const long *following, Model *g)
{
    narrow_rows embedded, start, x, q, k, v, attended, mixed, normal, narrowed;
    double wide[TOKENS][WIDE], chances[TOKENS][VOCABULARY], shares[HEADS][TOKENS][TOKENS];
    double scale_e[TOKENS], scale_s[TOKENS], scale_m[TOKENS], loss = 0;

    for (int t = 0; t < TOKENS; t++)
        for (int i = 0; i < WIDTH; i++) embedded[t][i] = p->token[ids[t]][i] + p->place[t][i];
    normalise(embedded, start, scale_e);
    normalise(start, x, scale_s);
    product(WIDTH, WIDTH, p->query, x, q);
    product(WIDTH, WIDTH, p->key, x, k);
    product(WIDTH, WIDTH, p->value, x, v);
    attend(q, k, v, shares, attended);
    product(WIDTH, WIDTH, p->mix, attended, mixed);
    for (int t = 0; t < TOKENS; t++)
        for (int i = 0; i < WIDTH; i++) mixed[t][i] += start[t][i];
    normalise(mixed, normal, scale_m);
    product(WIDE, WIDTH, p->widen, normal, wide);
    for (int t = 0; t < TOKENS; t++)
        for (int i = 0; i < WIDE; i++) wide[t][i] = wide[t][i] > 0 ? wide[t][i] : 0;
    product(WIDTH, WIDE, p->narrow, wide, narrowed);
    for (int t = 0; t < TOKENS; t++)
        for (int i = 0; i < WIDTH; i++) narrowed[t][i] += mixed[t][i];
    product(VOCABULARY, WIDTH, p->score, narrowed, chances);
    for (int t = 0; t < TOKENS; t++) { /* these become the slopes of the scores */
        double total = 0;
        for (int c = 0; c < VOCABULARY; c++) total += chances[t][c] = exp(chances[t][c]);
        loss += log(total / chances[t][following[t]]) / TOKENS;
        for (int c = 0; c < VOCABULARY; c++) chances[t][c] /= total * TOKENS;
        chances[t][following[t]] -= 1.0 / TOKENS;
    }

    double dwide[TOKENS][WIDE] = {0};
    narrow_rows dnarrowed = {0}, dnormal = {0}, dattended = {0}, dx = {0}, dstart = {0};
    narrow_rows dq = {0}, dk = {0}, dv = {0}, dembedded = {0};
    memset(g, 0, sizeof *g);
    product_back(VOCABULARY, WIDTH, p->score, narrowed, chances, g->score, dnarrowed);
    product_back(WIDTH, WIDE, p->narrow, wide, dnarrowed, g->narrow, dwide);
    for (int t = 0; t < TOKENS; t++)
        for (int i = 0; i < WIDE; i++) dwide[t][i] = wide[t][i] > 0 ? dwide[t][i] : 0;
    product_back(WIDE, WIDTH, p->widen, normal, dwide, g->widen, dnormal);
    normalise_back(mixed, scale_m, dnormal, dnarrowed); /* which were passed around, too */
    product_back(WIDTH, WIDTH, p->mix, attended, dnarrowed, g->mix, dattended);
    attend_back(q, k, v, shares, dattended, dq, dk, dv);
    product_back(WIDTH, WIDTH, p->query, x, dq, g->query, dx);
    product_back(WIDTH, WIDTH, p->key, x, dk, g->key, dx);
    product_back(WIDTH, WIDTH, p->value, x, dv, g->value, dx);
    memcpy(dstart, dnarrowed, sizeof dstart);
    normalise_back(start, scale_s, dx, dstart);
    normalise_back(embedded, scale_e, dstart, dembedded);
    for (int t = 0; t < TOKENS; t++)
        for (int i = 0; i < WIDTH; i++) {
            g->token[ids[t]][i] += dembedded[t][i];
            g->place[t][i] += dembedded[t][i];
        }
    return loss;
}
