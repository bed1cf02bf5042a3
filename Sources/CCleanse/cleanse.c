#include "cleanse.h"
