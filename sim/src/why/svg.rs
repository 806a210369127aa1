use super::{Curve, Point};
use core::fmt::Write as _;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 48.0;

impl Curve {
    /// The curve as a picture: the share of runs that fail over the events that they keep, with the 95 % interval of each
    /// share, and the steepest rise shaded. It needs nothing from elsewhere and shows on light and dark ground.
    pub fn svg(&self, title: &str) -> String {
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"sans-serif\" font-size=\"12\" role=\"img\">\n<title>{title}</title>\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n\
             <text x=\"{LEFT}\" y=\"22\" font-size=\"14\">{title}</text>\n",
            title = escaped(title)
        );
        self.shade(&mut svg);
        self.axes(&mut svg);
        let place = |point: &Point| format!("{:.1},{:.1}", self.x(point.events), y(point.share.rate()));
        let path: Vec<String> = self.points.iter().map(place).collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"#b3261e\" stroke-width=\"2\"/>",
            path.join(" ")
        );
        for point in &self.points {
            let (x, (low, high)) = (self.x(point.events), point.share.interval());
            let _ = writeln!(
                svg,
                "<path d=\"M{x:.1} {:.1}V{:.1}\" stroke=\"#b3261e\" stroke-opacity=\"0.35\"/>\
                 <circle cx=\"{x:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"#b3261e\"><title>{} of {} runs that keep {} \
                 events ({:?}) fail so</title></circle>",
                y(high),
                y(low),
                y(point.share.rate()),
                point.share.hits,
                point.share.of,
                point.events,
                point.at,
            );
        }
        svg + "</svg>\n"
    }

    fn shade(&self, svg: &mut String) {
        let Some((low, high)) = self.rise() else { return };
        let (from, to) = (self.x(low.events), self.x(high.events));
        let (width, height) = ((to - from).max(1.0), HEIGHT - TOP - BOTTOM);
        let _ = writeln!(
            svg,
            "<rect x=\"{from:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{height}\" fill=\"#f4c95d\" \
             fill-opacity=\"0.5\"><title>decided between event {} and event {}</title></rect>",
            low.events, high.events
        );
    }

    fn axes(&self, svg: &mut String) {
        for quarter in 0..=4_u32 {
            let rate = f64::from(quarter) / 4.0;
            let _ = writeln!(
                svg,
                "<path d=\"M{LEFT} {y:.1}H{}\" stroke=\"#d0d0d0\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}%</text>",
                WIDTH - RIGHT,
                LEFT - 6.0,
                y(rate) + 4.0,
                quarter * 25,
                y = y(rate)
            );
            let events = self.events * u64::from(quarter) / 4;
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{events}</text>",
                self.x(events),
                HEIGHT - BOTTOM + 18.0
            );
        }
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">events that are kept</text>",
            (LEFT + WIDTH - RIGHT) / 2.0,
            HEIGHT - 10.0
        );
    }

    fn x(&self, events: u64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * events as f64 / self.events.max(1) as f64
    }
}

fn y(rate: f64) -> f64 {
    HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * rate
}

/// Text as it may stand in a picture.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
