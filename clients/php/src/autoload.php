<?php

// For whoever has no Composer.
spl_autoload_register(function (string $class): void {
    if (str_starts_with($class, 'Usher\\') && is_file($file = __DIR__ . '/' . strtr(substr($class, 6), '\\', '/') . '.php')) {
        require $file;
    }
});
