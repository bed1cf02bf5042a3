<?php

declare(strict_types=1);

namespace Usher;

/** The daemon cannot answer now. It says nothing of passwords and tokens. */
class RetryLater extends UsherException
{
    /** Whether a write may have taken place all the same: protocol.md says how to find out. */
    public function outcomeUnknown(): bool
    {
        return !in_array($this->code, ['busy', 'shutting_down'], true);
    }
}
