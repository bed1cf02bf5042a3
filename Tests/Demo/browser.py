"""A chromium that sees nothing but the demo."""

from pathlib import Path

from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

SHOTS = Path(__file__).resolve().parents[2] / ".build/demo"


class Browser:
    def __init__(self, urls, width=390):
        """One of 390 is a phone."""
        self.urls, self.width, self.name = urls, width, None
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
            options.add_argument(argument)
        metrics = {"width": width, "height": 760, "pixelRatio": 2.0, "mobile": width < 1000, "touch": width < 1000}
        options.add_experimental_option("mobileEmulation", {"deviceMetrics": metrics})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)

    def go(self, app, path="/"):
        self.driver.get(self.urls[app] + path)
        width = self.driver.execute_script("return document.documentElement.scrollWidth")
        assert width <= self.width, f"{app}{path} is {width} wide"

    def text(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector).text

    def click(self, selector):
        self.driver.execute_script("window.isOld = true")
        self.driver.find_element(By.CSS_SELECTOR, selector).click()
        loaded = "return !window.isOld && document.readyState === 'complete'"
        try:
            # A loaded machine takes its time.
            WebDriverWait(self.driver, 90).until(lambda driver: driver.execute_script(loaded))
        except TimeoutException:
            self.shoot("stuck")
            raise

    def send(self, **fields):
        for name, value in fields.items():
            field = self.driver.find_element(By.NAME, name)
            field.clear()
            field.send_keys(value)
        self.click("main form button")

    def shoot(self, what):
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.driver.save_screenshot(str(SHOTS / f"{self.name}-{what}.png"))
