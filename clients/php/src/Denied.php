<?php

declare(strict_types=1);

namespace Usher;

/** The answer is no: show the visitor the message, send the `$status`. */
final class Denied extends UsherException
{
}
