// What AVX-512 does better than AVX2 in the tensor core. Inside model/tensor/ only.
#pragma once

#include "model/tensor/avx2_private.h"

product_part quant_product_avx512; // quantised weights
product_part float_product_avx512; // float weights, many rows of activations
