<?php

declare(strict_types=1);

namespace Usher;

/** The request is at fault: a defect of the program, or of what a person typed (`invalid_field`). */
final class Misuse extends UsherException
{
}
