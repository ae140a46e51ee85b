// Which of the kernels this processor can run.
#pragma once
#include <vector>

#include "kernels.h"

std::vector<const Kernels*> paths();  // fastest first; the plain ones are always among them
