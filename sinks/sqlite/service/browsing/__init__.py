"""Looking through a million rows page by page: by index where one answers, else as far as a moment allows, or once sorted whole."""
