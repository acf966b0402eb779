/* Backpropagation through layers, by hand: plain loops over blocks of samples.

   Given by -D: SIZES, inputs and neurons of each layer; BLOCK, samples of a block; HIDDEN, LAST and
   ERROR, functions from below. The parameters are, neuron by neuron, weights and bias. In a block
   the samples lie side by side, so that the innermost loops run over them. A batch is filled up
   with samples of weight 0; those that count weigh 1 / their number. */

#include <math.h>
#include <string.h>

typedef double row[BLOCK];

static const int SIZE[] = {SIZES};
enum { LAYERS = sizeof(SIZE) / sizeof(SIZE[0]) - 1, WIDEST = 64, MANY = 256 };

/* ---- activations, and their derivatives from what they give ---- */

#define SLOPE_OF(name) name##_slope
#define SLOPE(name) SLOPE_OF(name)

static inline double linear(double z) { return z; }
static inline double relu(double z) { return z > 0 ? z : 0; }
static inline double relu_slope(double y) { return y > 0 ? 1 : 0; }
static inline double tanh_slope(double y) { return 1 - y * y; }
static inline double sigmoid(double z) { return 1 / (1 + exp(-z)); }
static inline double sigmoid_slope(double y) { return y * (1 - y); }

/* ---- errors: their weighted sum, and their derivatives toward what LAST was given ---- */

static inline double hinge(const row *y, const row *target, const double *weight, row *delta)
{
    double loss = 0;
    for (int s = 0; s < BLOCK; s++) {
        double margin = 1 - target[0][s] * y[0][s];
        loss += margin > 0 ? weight[s] * margin : 0;
        delta[0][s] = margin > 0 ? -weight[s] * target[0][s] : 0;
    }
    return loss;
}

static inline double logistic(const row *y, const row *target, const double *weight, row *delta)
{
    double loss = 0;
    for (int s = 0; s < BLOCK; s++) {
        double z = y[0][s], power = exp(-fabs(z));
        loss += weight[s] * ((z > 0 ? z : 0) - z * target[0][s] + log(1 + power));
        delta[0][s] = weight[s] * ((z > 0 ? 1 : power) / (1 + power) - target[0][s]);
    }
    return loss;
}

static inline double cross_entropy(const row *y, const row *target, const double *weight,
                                   row *delta)
{
    double loss = 0;
    for (int o = 0; o < SIZE[LAYERS]; o++)
        for (int s = 0; s < BLOCK; s++) {
            double d = target[o][s];
            loss -= weight[s] * (d * log(y[o][s]) + (1 - d) * log(1 - y[o][s]));
            delta[o][s] = weight[s] * (y[o][s] - d);
        }
    return loss;
}

/* ---- a layer ---- */

static void forward(int inputs, int neurons, const double *restrict w, const row *restrict x,
                    row *restrict z)
{
    for (int o = 0; o < neurons; o++, w += inputs + 1) {
        double sum[BLOCK];
        for (int s = 0; s < BLOCK; s++) sum[s] = w[inputs];
        for (int i = 0; i < inputs; i++)
            for (int s = 0; s < BLOCK; s++) sum[s] += w[i] * x[i][s];
        for (int s = 0; s < BLOCK; s++) z[o][s] = sum[s];
    }
}

static void backward(int inputs, int neurons, const row *restrict x, const row *restrict delta,
                     double *restrict slopes)
{
    for (int o = 0; o < neurons; o++, slopes += inputs + 1) {
        for (int i = 0; i < inputs; i++) {
            double sum = 0;
            for (int s = 0; s < BLOCK; s++) sum += delta[o][s] * x[i][s];
            slopes[i] += sum;
        }
        double sum = 0;
        for (int s = 0; s < BLOCK; s++) sum += delta[o][s];
        slopes[inputs] += sum;
    }
}

static void hand_back(int inputs, int neurons, const double *restrict w, const row *restrict delta,
                      const row *restrict x, row *restrict before)
{
    for (int i = 0; i < inputs; i++) {
        double sum[BLOCK] = {0};
        for (int o = 0; o < neurons; o++)
            for (int s = 0; s < BLOCK; s++) sum[s] += w[o * (inputs + 1) + i] * delta[o][s];
        for (int s = 0; s < BLOCK; s++) before[i][s] = sum[s] * SLOPE(HIDDEN)(x[i][s]);
    }
}

/* ---- a step ---- */

/* The mean loss over all blocks; the gradient is set. */
double step(const double *parameters, const double *samples, const double *targets,
            const double *weights, long blocks, double penalty, double *gradient)
{
    int count = 0;
    for (int k = 0; k < LAYERS; k++) count += SIZE[k + 1] * (SIZE[k] + 1);
    memset(gradient, 0, count * sizeof(double));
    double loss = 0;
    for (long block = 0; block < blocks; block++) {
        row outputs[MANY], delta[2][WIDEST];
        const double *w = parameters;
        row *x = memcpy(outputs, samples + block * SIZE[0] * BLOCK, SIZE[0] * sizeof(row));
        for (int k = 0; k < LAYERS; k++) {
            row *z = x + SIZE[k];
            forward(SIZE[k], SIZE[k + 1], w, x, z);
            w += SIZE[k + 1] * (SIZE[k] + 1);
            x = z;
            for (int o = 0; o < SIZE[k + 1]; o++)
                for (int s = 0; s < BLOCK; s++)
                    z[o][s] = k < LAYERS - 1 ? HIDDEN(z[o][s]) : LAST(z[o][s]);
        }
        const row *target = (const row *)(targets + block * SIZE[LAYERS] * BLOCK);
        loss += ERROR(x, target, weights + block * BLOCK, delta[0]);
        double *slopes = gradient + count;
        for (int k = LAYERS - 1; k >= 0; k--) {
            const row *toward = delta[(LAYERS - 1 - k) % 2];
            x -= SIZE[k];
            w -= SIZE[k + 1] * (SIZE[k] + 1);
            slopes -= SIZE[k + 1] * (SIZE[k] + 1);
            backward(SIZE[k], SIZE[k + 1], x, toward, slopes);
            if (k) hand_back(SIZE[k], SIZE[k + 1], w, toward, x, delta[(LAYERS - k) % 2]);
        }
    }
    if (penalty)
        for (int i = 0; i < count; i++) {
            loss += penalty * parameters[i] * parameters[i];
            gradient[i] += 2 * penalty * parameters[i];
        }
    return loss;
}
