"""The real page, whose script then runs on for a minute, for what Streamlit draws meanwhile."""

import runpy
import time

from imgsearch.ui.server import routes

runpy.run_path(str(routes.SCRIPT))
time.sleep(60)
