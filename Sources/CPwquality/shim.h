#include <stddef.h>
#include <crack.h>
#include <pwquality.h>
