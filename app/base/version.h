// The version of this program, as the API and the banner tell it.
#pragma once

#define COURTYARD_VERSION "0.1.0"
