"""What the quiet profile promises beside its timing: no file, no loss, bounded memory."""
